// A pool of custom containers and all that it needs, in one resource group: docs/deploy.md.
// Names and sizes are in ../names.json.

@description('Where everything is made.')
param location string = resourceGroup().location

@description('Without the pool: the registry has to hold an image before a pool can take it.')
param withPool bool = true

@description('The tag of the image in the registry, in lower case.')
param imageTag string = 'latest'

@description('Lets sessions reach the internet, so that %pip install works in them.')
param egress bool = false

@description('Object ids of those who may use the pool, people, groups or applications.')
param users array = []

@allowed([
  'User'
  'Group'
  'ServicePrincipal'
])
@description('What the users are.')
param usersAre string = 'User'

var names = loadJsonContent('../names.json')

resource logs 'Microsoft.OperationalInsights/workspaces@2025-07-01' = {
  name: '${names.baseName}-logs'
  location: location
  properties: {
    retentionInDays: 30
    sku: {
      name: 'PerGB2018'
    }
  }
}

resource environment 'Microsoft.App/managedEnvironments@2026-07-01' = {
  name: '${names.baseName}-environment'
  location: location
  properties: {
    appLogsConfiguration: {
      destination: 'log-analytics'
      logAnalyticsConfiguration: {
        customerId: logs.properties.customerId
        sharedKey: logs.listKeys().primarySharedKey
      }
    }
    workloadProfiles: [
      {
        name: names.workloadProfile
        workloadProfileType: names.workloadProfile
      }
    ]
  }
}

resource registry 'Microsoft.ContainerRegistry/registries@2025-11-01' = {
  name: '${names.baseName}${uniqueString(resourceGroup().id)}'
  location: location
  sku: {
    name: 'Basic'
  }
  properties: {
    adminUserEnabled: false
  }
}

resource puller 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${names.baseName}-puller'
  location: location
}

resource pulls 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, puller.id, names.acrPullRole)
  scope: registry
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', names.acrPullRole)
    principalId: puller.properties.principalId
    principalType: 'ServicePrincipal'
  }
}

resource pool 'Microsoft.App/sessionPools@2026-07-01' = if (withPool) {
  name: names.baseName
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${puller.id}': {}
    }
  }
  properties: {
    environmentId: environment.id
    poolManagementType: 'Dynamic'
    containerType: 'CustomContainer'
    scaleConfiguration: {
      maxConcurrentSessions: names.maxSessions
      readySessionInstances: names.readySessions
    }
    dynamicPoolConfiguration: {
      lifecycleConfiguration: {
        lifecycleType: 'Timed'
        cooldownPeriodInSeconds: names.cooldownSeconds
      }
    }
    sessionNetworkConfiguration: {
      status: egress ? 'EgressEnabled' : 'EgressDisabled'
    }
    managedIdentitySettings: [
      {
        identity: puller.id
        lifecycle: 'None'
      }
    ]
    customContainerTemplate: {
      registryCredentials: {
        server: registry.properties.loginServer
        identity: puller.id
      }
      containers: [
        {
          name: names.image
          image: '${registry.properties.loginServer}/${names.image}:${imageTag}'
          resources: {
            cpu: json(names.cpu)
            memory: names.memory
          }
          probes: [
            {
              type: 'Startup'
              httpGet: {
                path: names.healthPath
                port: names.targetPort
              }
              periodSeconds: 3
              failureThreshold: 10
            }
            {
              type: 'Liveness'
              httpGet: {
                path: names.healthPath
                port: names.targetPort
              }
              periodSeconds: 30
              timeoutSeconds: 30
              failureThreshold: 10
            }
          ]
        }
      ]
      ingress: {
        targetPort: names.targetPort
      }
    }
  }
  dependsOn: [
    pulls
  ]
}

resource executors 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for user in (withPool ? users : []): {
  name: guid(pool.id, user, names.sessionExecutorRole)
  scope: pool
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', names.sessionExecutorRole)
    principalId: user
    principalType: usersAre
  }
}]

output registry string = registry.name
output image string = '${registry.properties.loginServer}/${names.image}:${imageTag}'
output endpoint string = withPool ? pool.properties.poolManagementEndpoint : ''
